# cmake -DINPUT=FILE -DOUTPUT=FILE.c -DNAME=name -P embed.cmake: writes the bytes of INPUT into
# OUTPUT as the C array NAME[] with its size NAME_size.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
file(WRITE ${OUTPUT}
  "#include <stddef.h>\nconst unsigned char ${NAME}[] = {${bytes}};\nconst size_t ${NAME}_size = ${size};\n")
