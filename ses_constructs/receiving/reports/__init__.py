"""What receivers report of a domain's mail: DMARC aggregate and TLS reports as tables, with the questions to ask them.

Nothing is loaded from here: the modules bring CDK libraries that most programs do without.
"""
