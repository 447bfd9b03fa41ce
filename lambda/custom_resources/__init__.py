"""What CloudFormation cannot do itself: one function for all custom resources of a stack."""
