"""The vendors' contact logs that can be read: each is one file of this folder, and is listed here."""

from __future__ import annotations

from typing import Final

from cxfusion.tables.sources.amazon_connect import AMAZON_CONNECT
from cxfusion.tables.sources.asterisk import ASTERISK_QUEUE_LOG
from cxfusion.tables.sources.avaya_echi import AVAYA_ECHI
from cxfusion.tables.sources.cisco_ucce import CISCO_UCCE_TCD
from cxfusion.tables.sources.five9 import FIVE9_CALL_LOG
from cxfusion.tables.sources.genesys_cloud import GENESYS_CLOUD
from cxfusion.tables.sources.nice_cxone import NICE_CXONE_COMPLETED
from cxfusion.tables.sources.talkdesk import TALKDESK_CONTACTS
from cxfusion.tables.sources.zendesk_talk import ZENDESK_TALK
from cxfusion.tables.sources.zendesk_talk_legs import ZENDESK_TALK_LEGS

__all__ = ["CONTACT_LOGS"]

CONTACT_LOGS: Final = (
    AMAZON_CONNECT,
    GENESYS_CLOUD,
    ASTERISK_QUEUE_LOG,
    AVAYA_ECHI,
    CISCO_UCCE_TCD,
    FIVE9_CALL_LOG,
    TALKDESK_CONTACTS,
    NICE_CXONE_COMPLETED,
    ZENDESK_TALK,
    ZENDESK_TALK_LEGS,
)
