"""What does a refusal of the selling procedures mean? Their SQLSTATEs, the same list as in sql/repeatable."""

from __future__ import annotations

OTHER_STORE = "RT001"
UNKNOWN_PRODUCT = "RT002"
NOT_A_CUSTOMER = "RT003"
NOT_STOCKED = "RT004"
NOT_ENOUGH_STOCK = "RT005"
MALFORMED_LISTS = "RT006"
QUANTITY_OUT_OF_RANGE = "RT007"
UNKNOWN_REFERENCE = "RT008"
IMPOSSIBLE_DATE = "RT009"
KEY_USED_OTHERWISE = "RT010"
ARGUMENT_NOT_ALLOWED = "RT011"
UNKNOWN_SALE = "RT012"
NOT_THAT_MUCH_BACK = "RT013"
SALE_WITHOUT_LINES = "RT014"
TOO_MUCH_STOCK = "RT015"
NO_TRUNCATE = "RT016"

MEANING: dict[str, str] = {
    OTHER_STORE: "another tenant's store",
    UNKNOWN_PRODUCT: "unknown product",
    NOT_A_CUSTOMER: "customer not of this store",
    NOT_STOCKED: "product not stocked",
    NOT_ENOUGH_STOCK: "not enough stock",
    MALFORMED_LISTS: "malformed lists",
    QUANTITY_OUT_OF_RANGE: "quantity out of range",
    UNKNOWN_REFERENCE: "unknown payment method, promotion or weather",
    IMPOSSIBLE_DATE: "date not possible",
    KEY_USED_OTHERWISE: "key used for another call",
    ARGUMENT_NOT_ALLOWED: "argument missing or not allowed",
    UNKNOWN_SALE: "unknown sale",
    NOT_THAT_MUCH_BACK: "not that much to come back",
    SALE_WITHOUT_LINES: "sale without lines",
    TOO_MUCH_STOCK: "more stock than can be counted",
    NO_TRUNCATE: "TRUNCATE of a streamed table",
}
