"""What SES refuses, in its own words; each way in says it in its own form."""


class SesError(Exception):
    """A call or a message that SES does not take.

    :param code: as API v2 names it.
    :param v1_code: as API v1 names it, where that differs.
    """

    def __init__(self, code: str, message: str, *, v1_code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.v1_code = v1_code if v1_code is not None else code
        self.message = message
        self.status = status


def unverified(address: str, region: str) -> SesError:
    """Refuse a sender that is no verified identity and in no verified domain."""
    return SesError(
        "MessageRejected",
        "Email address is not verified. The following identities failed the check in region "
        f"{region.upper()}: {address}",
    )


def no_configuration_set(name: str) -> SesError:
    """Refuse a configuration set that is not there."""
    return SesError(
        "NotFoundException",
        f"Configuration set <{name}> does not exist.",
        v1_code="ConfigurationSetDoesNotExist",
        status=404,
    )


def invalid(message: str) -> SesError:
    """Refuse a parameter that breaks a rule."""
    return SesError("BadRequestException", message, v1_code="InvalidParameterValue")


def not_found(what: str) -> SesError:
    """Refuse what is not there."""
    return SesError("NotFoundException", f"{what} does not exist.", status=404)


def already_exists(what: str) -> SesError:
    """Refuse what is there already."""
    return SesError("AlreadyExistsException", f"{what} already exists.")
