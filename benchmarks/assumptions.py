"""What docs/scale.md assumes, and what AWS limits and charges."""

from feedback.items import SoftBounces

MAILS_A_DAY = 100_000_000
# The share of mails at which SES puts an account under review, for hard bounces and complaints:
# https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html. Soft bounces are a guess.
HARD, COMPLAINTS, SOFT = 0.05, 0.001, 0.01
FEEDBACK = HARD + COMPLAINTS + SOFT
SPANS = {"over the whole day": 24, "in two hours": 2}

BATCH = 100
TIMEOUT_HIDDEN = 181  # seconds that a message in hand, or one that failed, is hidden
RECEIVES = 5
CPU_SECONDS_AN_EVENT = 0.001  # assumed, with the seventh of a processor that 256 MB have
RULE = SoftBounces(5, 30 * 86_400)

IN_FLIGHT = 120_000  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
POLLERS = 5  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
# A second, of a partition: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
PARTITION_WRITES = 1000
KEY_REUSE = 300  # seconds: SQS's default, SNS's and DynamoDB's own

# US dollars in us-east-1; docs/scale.md names the pages.
SNS_PUBLISH, SQS_REQUEST, LAMBDA_REQUEST = 0.50e-6, 0.40e-6, 0.20e-6
LAMBDA_GB_SECOND = 0.0000133334  # arm64
WRITE_UNIT, READ_UNIT = 0.625e-6, 0.125e-6
LOG_GB, STORED_GB_MONTH, RECOVERY_GB_MONTH = 0.50, 0.25, 0.20
KMS_REQUEST = 0.03 / 10_000
GB = 2**30
