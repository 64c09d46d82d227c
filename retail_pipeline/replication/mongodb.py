"""The former place of `retail_pipeline.mongodb`, which `mirror.privileges` still reads."""

from retail_pipeline.mongodb import USERS_DATABASE

__all__ = ["USERS_DATABASE"]
