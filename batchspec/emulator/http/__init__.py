"""Requests and answers: who may ask, versions, bodies checked, filters, faults on demand.

No operation is here.
"""
