/* Variables of modules in device memory: `.global` and `.const`. */
#ifndef LYRNN_PTX_STORAGE_H
#define LYRNN_PTX_STORAGE_H

#include "text.h"

namespace ptx
{

/* Returns the address of the variable, the same at every call. Its memory holds its values. */
uint64_t address_of_variable(const std::string &module_name, const Variable &variable);

} // namespace ptx

#endif
