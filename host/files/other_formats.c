/* People name the file that they have: a torch.save, an archive that is still packed, a download
 * that failed. The first bytes tell most of them apart. Nothing here is parsed further, so a file
 * cannot do harm. */
#include "files/other_formats.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <utf8proc.h>

#define BYTES(text) text, sizeof(text) - 1

typedef struct {
    const char *magic;
    size_t num_bytes, offset;
    const char *what, *what_to_do;
} other_format;

static const other_format formats[] = {
    {BYTES("\x93NUMPY"), 0, "a NumPy array",
     "save the tensors of the model by their names: safetensors.numpy.save_file"},
    {BYTES("\x89HDF\r\n\x1A\n"), 0, "an HDF5 file",
     "load its weights in Python and save them: safetensors.numpy.save_file"},
    {BYTES("GGUF"), 0, "a GGUF file", "give the safetensors file that it was made from"},
    {BYTES("\x1F\x8B"), 0, "compressed by gzip", "decompress it first: gzip -d"},
    {BYTES("BZh"), 0, "compressed by bzip2", "decompress it first: bzip2 -d"},
    {BYTES("\xFD"
           "7zXZ"),
     0, "compressed by xz", "decompress it first: xz -d"},
    {BYTES("\x28\xB5\x2F\xFD"), 0, "compressed by Zstandard", "decompress it first: zstd -d"},
    {BYTES("7z\xBC\xAF"), 0, "a 7-Zip archive", "unpack it first"},
    {BYTES("Rar!"), 0, "a RAR archive", "unpack it first"},
    {BYTES("ustar"), 257, "a tar archive", "unpack it first: tar -xf"},
    {BYTES("TFL3"), 4, "a TensorFlow Lite model",
     "save the weights of the model that it was made from: safetensors.numpy.save_file"},
    {BYTES("version https://git-lfs"), 0, "a Git LFS pointer, which stands for the model",
     "get the model itself: git lfs pull"},
};

#define TORCH_TO_SAFETENSORS                                                                       \
    "python3 -c 'import torch, safetensors.torch as s; m = torch.load(\"%s\", \"cpu\"); "          \
    "s.save_file(m.state_dict() if hasattr(m, \"state_dict\") else m, \"model.safetensors\")'"

static lyrnn_status refuse(const char *object, const char *what, const char *what_to_do)
{
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: is %s, not a safetensors file; %s", object, what,
                      what_to_do);
}

static lyrnn_status refuse_torch(const char *object)
{
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                      "%s: is a file of torch.save (PyTorch), not a safetensors file; convert "
                      "it: " TORCH_TO_SAFETENSORS,
                      object, object);
}

static bool contains(const unsigned char *bytes, size_t num_bytes, const char *text)
{
    return memmem(bytes, num_bytes, text, strlen(text)) != NULL;
}

/* A zip archive holds the names of its files as they are. PyTorch's has NAME/data.pkl, NumPy's has
 * NAME.npy. */
static lyrnn_status refuse_zip(const char *object, const unsigned char *bytes, size_t num_bytes)
{
    if (contains(bytes, num_bytes, "data.pkl"))
        return refuse_torch(object);
    if (contains(bytes, num_bytes, ".npy"))
        return refuse(object, "a NumPy archive (.npz)",
                      "convert it in Python: safetensors.numpy.save_file(dict(numpy.load(FILE)), "
                      "\"model.safetensors\")");
    return refuse(object, "a zip archive", "unpack it first: unzip");
}

/* ONNX is a Protocol Buffers message: its version (field 1), then the name of the program that
 * wrote it (field 2). */
static bool is_onnx(const unsigned char *bytes, size_t num_bytes)
{
    enum { HEAD_BYTES = 4, MAX_VERSION = 31 };
    if (num_bytes < HEAD_BYTES + 1 || bytes[0] != 0x08 || bytes[1] > MAX_VERSION ||
        bytes[2] != 0x12 || bytes[3] == 0 || bytes[3] > num_bytes - HEAD_BYTES)
        return false;
    for (size_t i = 0; i < bytes[3]; i++)
        if (bytes[HEAD_BYTES + i] < 0x20 || bytes[HEAD_BYTES + i] > 0x7E)
            return false;
    return true;
}

/* Whether the beginning is text in UTF-8, however its last character is cut. */
static bool is_text(const unsigned char *bytes, size_t num_bytes)
{
    enum { ENOUGH = 4096 };
    size_t end = num_bytes < ENOUGH ? num_bytes : ENOUGH;
    for (size_t i = 0; i < end;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t length = utf8proc_iterate(bytes + i, (utf8proc_ssize_t)(end - i), &c);
        if (length <= 0)
            return end == ENOUGH && end - i < 4;
        if (c == 0x7F || (c < 0x20 && strchr("\t\n\v\f\r", c) == NULL) || c == 0)
            return false;
        i += (size_t)length;
    }
    return true;
}

static lyrnn_status refuse_text(const char *object, const unsigned char *bytes, size_t num_bytes)
{
    size_t start = 0;
    while (start < num_bytes && strchr(" \t\r\n\xEF\xBB\xBF", bytes[start]) != NULL)
        start++;
    const char *text = (const char *)bytes + start;
    size_t length = num_bytes - start;
    if ((length >= 9 && strncasecmp(text, "<!doctype", 9) == 0) ||
        (length >= 5 && strncasecmp(text, "<html", 5) == 0))
        return refuse(object, "a web page", "download the file itself");
    if (length > 0 && (text[0] == '{' || text[0] == '['))
        return refuse(object, "a JSON file", "give a model.safetensors or a run");
    return refuse(object, "a text file", "give a model.safetensors or a run");
}

lyrnn_status refuse_other_format(const char *object, const unsigned char *bytes, size_t num_bytes)
{
    if (num_bytes == 0)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: is empty; copy or download it again", object);
    if (num_bytes >= 4 && memcmp(bytes, "PK\3\4", 4) == 0)
        return refuse_zip(object, bytes, num_bytes);
    /* A pickle of protocol 2 to 5, as torch.save wrote it before PyTorch 1.6. */
    if (num_bytes >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5)
        return refuse_torch(object);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const other_format *format = &formats[i];
        if (num_bytes >= format->offset + format->num_bytes &&
            memcmp(bytes + format->offset, format->magic, format->num_bytes) == 0)
            return refuse(object, format->what, format->what_to_do);
    }
    if (is_onnx(bytes, num_bytes))
        return refuse(object, "an ONNX model",
                      "save the state_dict that it was made from: safetensors.torch.save_file");
    if (is_text(bytes, num_bytes))
        return refuse_text(object, bytes, num_bytes);
    return LYRNN_OK;
}
