"""Every diagnostic code, with its meaning in one line.

    BS01xx  the shape of the file: YAML itself, then the published schema
    BS02xx  lints: right, but likely to hurt
    BS03xx  templates
    BS04xx  names, ids and inputs
    BS05xx  secrets
    BS06xx  fields that Batch does not take together, or not with such a value
    BS07xx  preflight: what the account would refuse, or soon will

A code, once released, keeps its meaning for good.
"""

from enum import Enum


class Code(Enum):
    """The value is what people and JSON see (`BS0103`)."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> "Code":
        member = object.__new__(cls)
        member._value_ = code
        member.meaning = meaning
        return member

    NOT_UTF8 = "BS0101", "the file is not UTF-8 text"
    MISSING_FIELD = "BS0102", "a field that must be there is missing"
    UNKNOWN_FIELD = "BS0103", "a field that the format does not have"
    DUPLICATE_KEY = "BS0104", "a key is given twice in one mapping"
    KEY_NOT_TEXT = "BS0105", "a key is not text"
    TAB = "BS0106", "a tab is used to indent"
    NOT_YAML = "BS0107", "the text is not well-formed YAML"
    TAG = "BS0108", "a YAML tag (`!name`) is used; a spec has none"
    CONTROL_CHARACTER = "BS0109", "a character that YAML does not allow"
    SEVERAL_DOCUMENTS = "BS0110", "more than one YAML document in the file"
    EMPTY = "BS0111", "nothing is in the file"
    NOT_A_MAPPING = "BS0112", "the top of the file is not a mapping"
    TOO_LARGE = "BS0113", "the file is larger than a spec may be"
    UNKNOWN_ALIAS = "BS0114", "an alias (`*name`) without its anchor (`&name`) above it"
    ALIAS_CYCLE = "BS0115", "an alias inside its own anchor"
    ALIAS_BUDGET = "BS0116", "aliases make the spec larger than it may be"
    TOO_DEEP = "BS0117", "mappings and lists are nested too deeply"
    MERGE_KEY = "BS0118", "a merge key (`<<`), which YAML 1.2 does not have"
    WRONG_TYPE = "BS0121", "a value of another type than the field takes"
    NOT_ONE_OF = "BS0122", "a value that is not one of the few allowed"
    PATTERN = "BS0123", "a text that is not of the form the field takes"
    OUT_OF_RANGE = "BS0124", "a number below or above what the field takes"
    TEXT_LENGTH = "BS0125", "a text shorter or longer than the field takes"
    ITEM_COUNT = "BS0126", "more or fewer items than the field takes"
    REPEATED_ITEM = "BS0127", "an item that may stand in its list only once"
    NOT_ALLOWED_HERE = "BS0128", "a field that does not go with another one"
    OTHER_RULE = "BS0129", "a rule of the published schema is broken"
    NO_VALUE = "BS0130", "a parameter without a default that nobody gave a value"

    SHELL_SYNTAX = "BS0211", "shell syntax in a command that no shell reads"
    START_TASK_NOT_AWAITED = "BS0212", "nodes take tasks though the start task failed"
    NO_TIME_BOUND = "BS0213", "nothing bounds how long tasks wait or run"
    BARE_APT = "BS0214", "a start task uses apt without waiting for its lock"
    BOUND_TOO_LONG = "BS0215", "a time limit longer than links to inputs and outputs last"

    FOLDER_TWICE = "BS0216", "an output name that repeats the folder, which outputs keep anyway"
    LITERAL_BRACES = "BS0217", "braces in a glob that are neither alternatives nor an axis"
    UNKNOWN_IN_FORMULA = "BS0218", "an autoscale formula names something that is not documented"
    FAILS_UNSEEN = "BS0219", "a part of a shell script may fail without the script failing"
    RETRY_KEEPS_OUTPUT = "BS0220", "retries of a task whose output folder is not emptied"

    TEMPLATE_SYNTAX = "BS0301", "a placeholder that cannot be read"
    UNDEFINED_VARIABLE = "BS0302", "a placeholder names something that is not there"
    NOT_IN_TEMPLATES = "BS0303", "a part of Jinja that specs do not have"
    TEMPLATE_TOO_LARGE = "BS0304", "a template, or what it gives, is too large"
    NO_TEXT = "BS0305", "a placeholder gives something that is not text or a number"
    NOT_TRUE_OR_FALSE = "BS0306", "a condition that gives something else than true or false"
    PLACEHOLDER_IN_QUOTES = "BS0310", "a placeholder inside quotes of a shell command"
    UNSAFE_IN_SHELL = "BS0311", "a placeholder where the shell would read its value as code"

    BAD_ID = "BS0401", "an id that Batch would refuse"
    BAD_NAME = "BS0402", "a file name that cannot be a blob's"
    NAME_COLLISION = "BS0403", "two things want one name"
    NO_MATCH = "BS0404", "inputs that match nothing"
    BAD_INPUT = "BS0405", "an input that cannot or must not be read"
    BAD_GLOB = "BS0406", "a glob that cannot be read, or that splits a path in two ways"
    OTHER_CASE = "BS0407", "files that a glob misses only by upper and lower case"
    OUTSIDE = "BS0408", "a path outside the project that nobody has allowed"

    FEEDBACK = "BS0409", "outputs that would become inputs"
    BAD_SHEET = "BS0410", "a sheet (CSV file) that cannot be read as one"
    BAD_RANGE = "BS0411", "a range that counts backward, or not at all"
    ROWS_ALIKE = "BS0412", "two rows of a matrix or sheet that are the same"
    UNKNOWN_GROUP = "BS0413", "a group, output or axis that does not exist"
    GROUP_CYCLE = "BS0414", "groups that read each other's outputs in a circle"
    NO_COMMON_AXIS = "BS0415", "two groups that share no axis to match their tasks by"
    DUPLICATE_AXIS = "BS0416", "two axes of one name"
    LIST_IN_TEXT = "BS0417", "a list where a single value is expected"
    NO_COUNTERPART = "BS0418", "a task without the file or task of another group that it needs"
    NOT_READ = "BS0419", "a file or output that nothing reads"
    NO_ROWS = "BS0420", "a group that no row is left of"
    BAD_SHAPE = "BS0421", "`per`, `collect` and `chunk` in a combination that has no meaning"

    TOO_MANY_READ = "BS0422", "a task that reads more files than Batch takes links to"
    BAD_PACKAGE = "BS0423", "an application package that cannot be used"

    CONNECTION_STRING = "BS0501", "a connection string"
    ACCOUNT_KEY = "BS0502", "the key of a storage or Batch account"
    SAS = "BS0503", "a shared access signature"
    CLIENT_SECRET = "BS0504", "a client secret of an app registration"
    BEARER_TOKEN = "BS0505", "a bearer token"
    PRIVATE_KEY = "BS0506", "a private key"
    LIKELY_SECRET = "BS0507", "a value that looks random under a name that sounds secret"
    PLAIN_SECRET = "BS0508", "a plain value in a field that takes secrets"

    DURATION_RANGE = "BS0602", "a time shorter or longer than Batch takes"
    NEEDS_FIELD = "BS0603", "a field that has no meaning without another one"
    TOO_MANY_SLOTS = "BS0604", "a task that needs more slots than a node has"
    CONTRADICTION = "BS0605", "two fields that want the opposite"
    UNKNOWN_PATH = "BS0606", "`ignoreChanges` names a field that there is not"
    PORTS = "BS0607", "ports that Batch does not take, or that overlap"
    NOT_UNIQUE = "BS0608", "a value that must be unique within the pool is used twice"
    ADDRESS = "BS0609", "a text that is not an address prefix"
    RESOURCE_ID = "BS0610", "the id of another kind of Azure resource, or of no subscription"
    WRONG_SYSTEM = "BS0611", "a setting for another operating system than the image's"
    CONTAINERS = "BS0612", "a container without a pool for containers, or the reverse"
    FORMULA = "BS0613", "an autoscale formula that Batch cannot read"
    RAW_DEPENDENCY = "BS0614", "a dependency on task ids, which batchspec chooses"

    IMAGE_NOT_OFFERED = "BS0701", "an image that the account does not offer"
    AGENT_NOT_OFFERED = "BS0702", "a node agent that the account does not offer for the image"
    IMAGE_SUPPORT_ENDED = "BS0703", "an image that Batch no longer supports"
    IMAGE_SUPPORT_ENDS = "BS0704", "an image that Batch will soon no longer support"
    SIZE_RETIRES = "BS0705", "a VM size that is being retired"
    TOO_MANY_NODE_SLOTS = "BS0706", "more task slots than a node of this size may have"
    POOL_LACKS_IDENTITY = "BS0707", "a pool without the identity by which its tasks are to reach their blobs"
    LINKS_END = "BS0708", "links of running tasks that end soon"
    TOO_FEW_SLOTS_LIVE = "BS0709", "a task that needs more slots than a node of the existing pool has"
    NO_NODES = "BS0710", "tasks for a pool that asks for no node"
    JOB_DISABLED = "BS0711", "tasks for a job that is disabled"
    NO_CONTAINER_ENGINE = "BS0712", "containers, and nothing on this machine that could run them"
    CONTAINERS_ON_HOST = "BS0713", "tasks that run on this machine itself instead of in their containers"
    NOT_SIMULATED = "BS0714", "tasks that need what the local account does not simulate"
    NO_PACKAGE = "BS0715", "an application package that only Azure's management plane can upload"
    OTHER_PACKAGE = "BS0716", "an application package of which the account has another content"
