"""What blobs and tasks say of the work that made them: the names of our metadata and of our variable."""

FINGERPRINT_METADATA = "batchspec_fingerprint"
FINGERPRINT_VARIABLE = "BATCHSPEC_FINGERPRINT"
COMMAND_METADATA = "batchspec_command"
WORK_METADATA = "batchspec_work"
SPEC_METADATA = "batchspec_spec"
FILE_METADATA = "batchspec_file"
"""Metadata of blobs: of uploads the spec, of its note the spec and its file, of outputs the others. Names are C#
identifiers: no dot, no hyphen."""
