/* Functions are put in where they are called, so that a program is one list of statements. */
#ifndef LYRNN_PTX_INLINE_H
#define LYRNN_PTX_INLINE_H

#include "text.h"

namespace ptx
{

/* Returns the entry without calls. Throws Error if a function calls itself or is not there. */
Function inlined(const Module &module, const std::string &name);

} // namespace ptx

#endif
