"""The Amazon States Language, without HTTP, AWS, threads or a clock."""
