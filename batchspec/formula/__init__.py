"""The language of Azure Batch's autoscale formulas: read, evaluated, and asked how far it can go.

It imports nothing of the rest; the endpoint scales its pools by it, and a plan looks into formulas with it.
"""
