"""The language of specs: its schema, rules and templates, and the `Spec` that a document says.

Everything a group has is decided here, from the text alone, so that `validate` finds it
without a network. Pure, but for reading the schema.
"""
