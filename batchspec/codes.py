"""Every diagnostic code, with its meaning in one line.

    BS01xx  the shape of the file: YAML itself, then the published schema
    BS02xx  lints: valid, but likely to cause trouble
    BS03xx  templates
    BS04xx  names, ids and inputs
    BS05xx  secrets
    BS06xx  fields that Batch rejects together, or with such a value
    BS07xx  preflight: what the account rejects, or soon will

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
    MISSING_FIELD = "BS0102", "a required field is missing"
    UNKNOWN_FIELD = "BS0103", "unknown field"
    DUPLICATE_KEY = "BS0104", "a key appears twice in one mapping"
    KEY_NOT_TEXT = "BS0105", "a key is not a string"
    TAB = "BS0106", "a tab is used for indentation"
    NOT_YAML = "BS0107", "invalid YAML"
    TAG = "BS0108", "YAML tags (`!name`) are not supported"
    CONTROL_CHARACTER = "BS0109", "a control character"
    SEVERAL_DOCUMENTS = "BS0110", "more than one YAML document in the file"
    EMPTY = "BS0111", "the file is empty"
    NOT_A_MAPPING = "BS0112", "the top level is not a mapping"
    TOO_LARGE = "BS0113", "the file is too large for a spec"
    UNKNOWN_ALIAS = "BS0114", "an alias (`*name`) without an anchor (`&name`) above it"
    ALIAS_CYCLE = "BS0115", "an alias refers to a value that contains it"
    ALIAS_BUDGET = "BS0116", "aliases expand to too large a spec"
    TOO_DEEP = "BS0117", "mappings and lists are nested too deeply"
    MERGE_KEY = "BS0118", "merge keys (`<<`) are not supported"
    WRONG_TYPE = "BS0121", "a value of the wrong type"
    NOT_ONE_OF = "BS0122", "not one of the allowed values"
    PATTERN = "BS0123", "a text that is not valid for the field"
    OUT_OF_RANGE = "BS0124", "a number out of range"
    TEXT_LENGTH = "BS0125", "a text that is too short or too long"
    ITEM_COUNT = "BS0126", "too many or too few items"
    REPEATED_ITEM = "BS0127", "an item appears twice in a list"
    NOT_ALLOWED_HERE = "BS0128", "a field that excludes another one"
    OTHER_RULE = "BS0129", "another rule of the schema is violated"
    NO_VALUE = "BS0130", "a parameter without default or value"
    OTHER_VERSION = "BS0131", "the spec requires another version of batchspec"

    SHELL_SYNTAX = "BS0211", "shell syntax in a command that runs without a shell"
    START_TASK_NOT_AWAITED = "BS0212", "nodes accept tasks although the start task failed"
    NO_TIME_BOUND = "BS0213", "no time limit for tasks"
    BARE_APT = "BS0214", "a start task runs apt without waiting for its lock"
    BOUND_TOO_LONG = "BS0215", "a time limit beyond the life of links to inputs and outputs"

    FOLDER_TWICE = "BS0216", "an output name repeats the input's folder"
    LITERAL_BRACES = "BS0217", "literal braces in a glob"
    UNKNOWN_IN_FORMULA = "BS0218", "an autoscale formula uses an undocumented name"
    FAILS_UNSEEN = "BS0219", "a command in a shell script may fail unnoticed"
    RETRY_KEEPS_OUTPUT = "BS0220", "retries without an empty output folder"

    TEMPLATE_SYNTAX = "BS0301", "an invalid placeholder"
    UNDEFINED_VARIABLE = "BS0302", "a placeholder uses an undefined name"
    NOT_IN_TEMPLATES = "BS0303", "a Jinja feature that is not supported"
    TEMPLATE_TOO_LARGE = "BS0304", "a template or its result is too large"
    NO_TEXT = "BS0305", "the value of a placeholder is not text or a number"
    NOT_TRUE_OR_FALSE = "BS0306", "a condition that is not true or false"
    PLACEHOLDER_IN_QUOTES = "BS0310", "a placeholder inside quotes in a shell command"
    UNSAFE_IN_SHELL = "BS0311", "a placeholder where the shell would evaluate its value"

    BAD_ID = "BS0401", "an id that Batch rejects"
    BAD_NAME = "BS0402", "a name that is not valid for an output or blob"
    NAME_COLLISION = "BS0403", "a name is used twice"
    NO_MATCH = "BS0404", "inputs match no files"
    BAD_INPUT = "BS0405", "an input cannot be read"
    BAD_GLOB = "BS0406", "an invalid or ambiguous glob"
    OTHER_CASE = "BS0407", "files not matched only because of upper and lower case"
    OUTSIDE = "BS0408", "a path outside the project that was not allowed"

    FEEDBACK = "BS0409", "outputs would become inputs"
    BAD_SHEET = "BS0410", "an unreadable CSV file"
    BAD_RANGE = "BS0411", "an invalid range"
    ROWS_ALIKE = "BS0412", "two identical rows in a matrix or CSV file"
    UNKNOWN_GROUP = "BS0413", "unknown group, output or axis"
    GROUP_CYCLE = "BS0414", "groups depend on each other in a cycle"
    NO_COMMON_AXIS = "BS0415", "two groups without a common axis"
    DUPLICATE_AXIS = "BS0416", "an axis name that is taken"
    LIST_IN_TEXT = "BS0417", "a list where a single value is expected"
    NO_COUNTERPART = "BS0418", "a task whose counterpart is missing"
    NOT_READ = "BS0419", "a file or output that is not used"
    NO_ROWS = "BS0420", "a group without rows"
    BAD_SHAPE = "BS0421", "`per`, `collect` and `chunk` combined in a way that is not supported"

    TOO_MANY_READ = "BS0422", "a task with too many input files"
    BAD_PACKAGE = "BS0423", "an application package that cannot be used"
    TOO_MANY_FILES = "BS0424", "a task made more files than `atMost` allows"

    CONNECTION_STRING = "BS0501", "a connection string"
    ACCOUNT_KEY = "BS0502", "the key of a storage or Batch account"
    SAS = "BS0503", "a shared access signature"
    CLIENT_SECRET = "BS0504", "a client secret of an app registration"
    BEARER_TOKEN = "BS0505", "a bearer token"
    PRIVATE_KEY = "BS0506", "a private key"
    LIKELY_SECRET = "BS0507", "probably a secret"
    PLAIN_SECRET = "BS0508", "a plain value in a field for secrets"

    DURATION_RANGE = "BS0602", "a duration out of range"
    NEEDS_FIELD = "BS0603", "a field that requires another one"
    TOO_MANY_SLOTS = "BS0604", "a task needs more slots than a node has"
    CONTRADICTION = "BS0605", "two fields that contradict each other"
    UNKNOWN_PATH = "BS0606", "`ignoreChanges` names an unknown field"
    PORTS = "BS0607", "invalid or overlapping ports"
    NOT_UNIQUE = "BS0608", "a value that must be unique in the pool appears twice"
    ADDRESS = "BS0609", "not an address prefix"
    RESOURCE_ID = "BS0610", "not the resource id of the expected kind"
    WRONG_SYSTEM = "BS0611", "a setting for another operating system than the image's"
    CONTAINERS = "BS0612", "container settings of pool and task do not match"
    FORMULA = "BS0613", "an invalid autoscale formula"
    RAW_DEPENDENCY = "BS0614", "a dependency on task ids, which batchspec generates"
    RAW_FOLDER = "BS0615", "a folder as input or output of a raw `commandLine`"

    IMAGE_NOT_OFFERED = "BS0701", "an image that the account does not offer"
    AGENT_NOT_OFFERED = "BS0702", "a node agent that the account does not offer for the image"
    IMAGE_SUPPORT_ENDED = "BS0703", "an image that Batch no longer supports"
    IMAGE_SUPPORT_ENDS = "BS0704", "an image whose support ends soon"
    SIZE_RETIRES = "BS0705", "a VM size that is being retired"
    TOO_MANY_NODE_SLOTS = "BS0706", "too many task slots for this VM size"
    POOL_LACKS_IDENTITY = "BS0707", "the pool lacks the managed identity of the spec"
    LINKS_END = "BS0708", "links of unfinished tasks expire soon"
    TOO_FEW_SLOTS_LIVE = "BS0709", "a task needs more slots than a node of the existing pool has"
    NO_NODES = "BS0710", "tasks for a pool without nodes"
    JOB_DISABLED = "BS0711", "tasks for a disabled job"
    NO_CONTAINER_ENGINE = "BS0712", "no container engine on this machine"
    CONTAINERS_ON_HOST = "BS0713", "container tasks run directly on this machine"
    NOT_SIMULATED = "BS0714", "not supported by the local account"
    NO_PACKAGE = "BS0715", "an application package that the account does not have"
    OTHER_PACKAGE = "BS0716", "an application package whose content differs in the account"
    FORMULA_FAILS = "BS0717", "an autoscale formula that Batch cannot evaluate"
    QUOTA = "BS0718", "more cores than the account's quota"
