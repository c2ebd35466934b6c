"""What the command and the servers share: definitions found and compiled, profiles, targets and their backends"""
