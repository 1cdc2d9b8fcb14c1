"""CloudWatch alarms and step scaling as AWS documents them, on the policies that Terraform declares.

Imports the standard library alone. The simulator and the local fleet decide with this code.
"""
