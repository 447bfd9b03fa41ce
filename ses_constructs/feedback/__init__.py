"""Who must not be mailed again? Bounces and complaints, on record."""

from ses_constructs.feedback.pipeline import FeedbackPipeline

__all__ = ["FeedbackPipeline"]
