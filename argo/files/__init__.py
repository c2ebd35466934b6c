"""Files of this machine: opened through no link, packed and unpacked within limits, private, or not to be had"""
