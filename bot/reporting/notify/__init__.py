"""Messages to the operator's telephone: which events, how often, in which words, and by which channels."""

from bot.reporting.notify.channels import AppriseChannel, Channel, make_channels
from bot.reporting.notify.choice import chosen_kinds
from bot.reporting.notify.notifier import Notifier
from bot.reporting.notify.texts import Message
from bot.reporting.notify.urls import secret_parts

__all__ = ["AppriseChannel", "Channel", "Message", "Notifier", "chosen_kinds", "make_channels", "secret_parts"]
