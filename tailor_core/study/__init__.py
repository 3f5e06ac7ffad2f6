"""What a study of several methods comes to: its trials, their evidence, and figures with intervals."""
