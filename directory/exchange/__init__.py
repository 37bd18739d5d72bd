"""Directories as files: strict CSV and Open Referral HSDS 3. A bad row is named, never mended."""
