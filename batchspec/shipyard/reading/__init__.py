"""What stands in the files of Batch Shipyard, and how its words are read."""
