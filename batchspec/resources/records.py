"""What blobs and tasks say of the work that made them: the names of our metadata and of our variable."""

FINGERPRINT_METADATA = "batchspec_fingerprint"
FINGERPRINT_VARIABLE = "BATCHSPEC_FINGERPRINT"
COMMAND_METADATA = "batchspec_command"
SPEC_METADATA = "batchspec_spec"
"""Metadata of blobs: of outputs the first two, of uploads the last. Names are C# identifiers: no dot, no hyphen."""
