/* What is written in the lines of an LRC file and is not sung. */
#ifndef LYRNN_LRC_CREDITS_H
#define LYRNN_LRC_CREDITS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a text only names a part in making the song: "作词", "Lyrics by", "词/曲",
 * "编曲 Arrangement". */
bool lrc_is_credit_name(const char *text, size_t num_bytes);

/* Whether a line is such a name, a colon and anything: "作词 : 方文山". Or it is a credit in JSON:
 * {"t":0,"c":[{"tx":"作词: "},{"tx":"方文山"}]}. */
bool lrc_is_credit(const char *text, size_t num_bytes);

/* Whether a line says that there is nothing to sing: "纯音乐，请欣赏". */
bool lrc_is_instrumental(const char *text, size_t num_bytes);

/* The bytes of the singer's name at the start of a line: of "v1:", "男：" or "(合)"; 0: none. */
size_t lrc_speaker_bytes(const char *text, size_t num_bytes);

/* The bytes of the colon with which a text begins, a Chinese one too; 0: none. */
size_t lrc_colon_at(const char *text, size_t num_bytes);

#endif
