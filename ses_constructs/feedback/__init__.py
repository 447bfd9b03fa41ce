"""Who must not be mailed again? Bounces and complaints, on record."""

from ses_constructs.feedback.pipeline import FeedbackPipeline
from ses_constructs.feedback.soft_bounces import SoftBounces

__all__ = ["FeedbackPipeline", "SoftBounces"]
