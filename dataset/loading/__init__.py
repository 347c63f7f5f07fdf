"""Pictures as networks take them: varied, mixed, packed, in batches that are a function of the seed alone."""

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else importing albumentations asks the network for a newer version
