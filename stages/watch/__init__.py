"""The echo-chamber watch: do the rounds still learn from pictures, or only from themselves?"""
