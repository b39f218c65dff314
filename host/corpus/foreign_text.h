/* What bytes are that lyrnn does not read, and the command that converts them. */
#ifndef LYRNN_FOREIGN_TEXT_H
#define LYRNN_FOREIGN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lyrnn/status.h"

/* LYRNN_ERR_CORPUS if the first bytes are those of a program, a picture or the like. `name` names
 * the file in errors. */
lyrnn_status text_refuse_kind(const char *name, const char *bytes, size_t num_bytes);

/* The name of an encoding of another language in which the bytes are a text, for iconv; or NULL.
 * is_chinese: the bytes look very much like Chinese in another encoding. */
const char *text_guess_foreign(const char *bytes, size_t num_bytes, bool is_chinese);

/* Returns LYRNN_ERR_CORPUS: the text may be in `encoding`, and the error has the command that
 * converts it, which works as it is printed if `name` is the path of a file. It may as well be
 * `other`, for example "GB18030 (...)", which the value `option` of --encoding reads; NULL: not. */
lyrnn_status text_refuse_foreign(const char *name, const char *bytes, size_t num_bytes,
                                 const char *encoding, const char *other, const char *option);

#endif
