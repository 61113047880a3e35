# One more page of image: what makes the "bigger" variant bigger.
.section PAGE,"xr"
.space 4096,0xcc
