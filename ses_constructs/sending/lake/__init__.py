"""Where every event ends up for good: Firehose to S3 as Parquet, a Glue table, and the questions that Athena answers.

Nothing is loaded from here: the modules bring CDK libraries that most programs do without.
"""
