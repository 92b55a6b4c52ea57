"""The process that an emulator is: started, found, saved, ended."""
