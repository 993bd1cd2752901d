"""What blobs and tasks say of the work that made them: the names of our metadata and of our variables."""

FINGERPRINT_VARIABLE = "BATCHSPEC_FINGERPRINT"
COMMAND_VARIABLE = "BATCHSPEC_COMMAND"
OWN_VARIABLES = (FINGERPRINT_VARIABLE, COMMAND_VARIABLE)
"""The environment settings that tasks get: their fingerprint, and what the wrapper runs."""

FINGERPRINT_METADATA = "batchspec_fingerprint"
COMMAND_METADATA = "batchspec_command"
WORK_METADATA = "batchspec_work"
SPEC_METADATA = "batchspec_spec"
FILE_METADATA = "batchspec_file"
COPY_METADATA = "batchspec_copy"
READS_METADATA = "batchspec_reads"
RUN_METADATA = "batchspec_run"
"""Metadata of blobs: of uploads the spec, of its note the spec and its file, of records of runs what they are listed
by, of outputs the others (`READS` where their task reads files, `COPY` on a file in a published folder). Names are C#
identifiers: no dot, no hyphen."""
