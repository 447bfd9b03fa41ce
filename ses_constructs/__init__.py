"""AWS CDK constructs for Amazon SES."""
