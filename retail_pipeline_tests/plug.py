"""A process or thread that ends in the middle of its work, for the tests of what is left behind."""


class PulledPlugError(BaseException):
    """It ends here: not an Exception, so that nothing handles it."""
