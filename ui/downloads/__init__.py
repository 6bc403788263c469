"""Files of the workspace handed to the browser from the disk, however large they are."""
