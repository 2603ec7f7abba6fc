"""Cases and doses in the files of other programs: DICOM, EGSnrc, CSV."""
