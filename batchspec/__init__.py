"""A declarative runner for Azure Batch: one YAML spec, validated, planned and applied."""

__version__ = "0.1.0"
