"""The numbers of RFC 8855 and their names."""

PRIMITIVES = {
    1: "FloorRequest", 2: "FloorRelease", 3: "FloorRequestQuery", 4: "FloorRequestStatus", 5: "UserQuery",
    6: "UserStatus", 7: "FloorQuery", 8: "FloorStatus", 9: "ChairAction", 10: "ChairActionAck", 11: "Hello",
    12: "HelloAck", 13: "Error", 14: "FloorRequestStatusAck", 15: "FloorStatusAck", 16: "Goodbye", 17: "GoodbyeAck",
}  # fmt: skip

BENEFICIARY_ID, FLOOR_ID, FLOOR_REQUEST_ID, PRIORITY, REQUEST_STATUS, ERROR_CODE, ERROR_INFO = range(1, 8)
PARTICIPANT_PROVIDED_INFO, STATUS_INFO, SUPPORTED_ATTRIBUTES, SUPPORTED_PRIMITIVES, USER_DISPLAY_NAME = range(8, 13)
USER_URI, BENEFICIARY_INFORMATION, FLOOR_REQUEST_INFORMATION, REQUESTED_BY_INFORMATION = range(13, 17)
FLOOR_REQUEST_STATUS, OVERALL_REQUEST_STATUS = 17, 18

ATTRIBUTES = {
    1: "BENEFICIARY-ID", 2: "FLOOR-ID", 3: "FLOOR-REQUEST-ID", 4: "PRIORITY", 5: "REQUEST-STATUS", 6: "ERROR-CODE",
    7: "ERROR-INFO", 8: "PARTICIPANT-PROVIDED-INFO", 9: "STATUS-INFO", 10: "SUPPORTED-ATTRIBUTES",
    11: "SUPPORTED-PRIMITIVES", 12: "USER-DISPLAY-NAME", 13: "USER-URI", 14: "BENEFICIARY-INFORMATION",
    15: "FLOOR-REQUEST-INFORMATION", 16: "REQUESTED-BY-INFORMATION", 17: "FLOOR-REQUEST-STATUS",
    18: "OVERALL-REQUEST-STATUS",
}  # fmt: skip

STATUSES = {
    1: "Pending", 2: "Accepted", 3: "Granted", 4: "Denied", 5: "Cancelled", 6: "Released", 7: "Revoked",
}  # fmt: skip

ERRORS = {
    1: "Conference does not Exist", 2: "User does not Exist", 3: "Unknown Primitive",
    4: "Unknown Mandatory Attribute", 5: "Unauthorized Operation", 6: "Invalid Floor ID",
    7: "Floor Request ID Does Not Exist",
    8: "You have Already Reached the Maximum Number of Ongoing Floor Requests for This Floor", 9: "Use TLS",
    10: "Unable to Parse Message", 11: "Use DTLS", 12: "Unsupported Version", 13: "Incorrect Message Length",
    14: "Generic Error",
}  # fmt: skip

REQUIRED = {
    1: (FLOOR_ID,), 2: (FLOOR_REQUEST_ID,), 3: (FLOOR_REQUEST_ID,), 4: (FLOOR_REQUEST_INFORMATION,),
    9: (FLOOR_REQUEST_INFORMATION,), 12: (SUPPORTED_PRIMITIVES, SUPPORTED_ATTRIBUTES), 13: (ERROR_CODE,),
}  # fmt: skip
