"""What blobs say of the work that made them: the names of our metadata."""

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
