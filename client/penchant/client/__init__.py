"""The device SDK: keeps behaviour, learns interests and ranks, all on the device."""
