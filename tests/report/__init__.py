"""Reports: the page, the trace and the records that they are made of."""
