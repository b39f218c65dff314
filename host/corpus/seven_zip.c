/* libarchive takes memory for as many files as the list of a 7z archive claims. An empty file takes
 * one bit there, and libarchive some 90 bytes, and a list may be compressed: 500 bytes became 2 GB.
 * So the size of the list is limited. Nor does libarchive notice that a list is longer than the
 * archive: it took 24 GB for one of 212 bytes. The format is described in 7zFormat.txt of the LZMA
 * SDK. */
#include "corpus/seven_zip.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory_limit.h"

/* A list of MOST_BYTES has some 10,000 files with usual names. */
enum { SIGNATURE_BYTES = 32, MOST_BYTES = 1 << 20, BYTES_PER_BIT = 96 };

/* The ids of the parts of a header. */
enum {
    PART_END,
    PART_PACK_INFO = 6,
    PART_UNPACK_INFO,
    PART_SIZE = 9,
    PART_FOLDER = 11,
    PART_UNPACK_SIZE,
    PART_ENCODED_HEADER = 23
};

typedef struct {
    const unsigned char *at, *end;
    bool is_good; /* nothing unexpected was read */
} scanner;

static unsigned scan_byte(scanner *scan)
{
    scan->is_good = scan->is_good && scan->at < scan->end;
    return scan->is_good ? *scan->at++ : 0;
}

static void expect(scanner *scan, unsigned byte)
{
    scan->is_good = scan_byte(scan) == byte && scan->is_good;
}

/* A number: the leading ones of its first byte count the bytes that follow, lowest first, and the
 * bits after them are its highest. */
static uint64_t scan_number(scanner *scan)
{
    unsigned first = scan_byte(scan), mask = 0x80;
    uint64_t value = 0;
    int num = 0;
    for (; num < 8 && (first & mask) != 0; num++, mask >>= 1)
        value |= (uint64_t)scan_byte(scan) << (8 * num);
    return num < 8 ? value | (uint64_t)(first & (mask - 1)) << (8 * num) : value;
}

static uint64_t read_le(const char *bytes, size_t num)
{
    uint64_t value = 0;
    for (size_t i = 0; i < num; i++)
        value |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    return value;
}

/* Whether a coder is the encryption by AES. */
static bool is_aes(const unsigned char *id, size_t num)
{
    static const unsigned char aes[] = {0x06, 0xF1, 0x07, 0x01};
    return num == sizeof aes && memcmp(id, aes, sizeof aes) == 0;
}

/* Reads one coder. Returns whether it encrypts. */
static bool scan_coder(scanner *scan)
{
    unsigned flags = scan_byte(scan), num = flags & 15;
    const unsigned char *id = scan->at;
    for (unsigned i = 0; i < num; i++)
        scan_byte(scan);
    if (scan->is_good && is_aes(id, num))
        return true;
    uint64_t num_properties = (flags & 0x20) != 0 ? scan_number(scan) : 0;
    scan->is_good =
        scan->is_good && (flags & 0xD0) == 0 && num_properties <= (uint64_t)(scan->end - scan->at);
    if (scan->is_good)
        scan->at += num_properties;
    return false;
}

/* Reads a list that is one compressed stream, as 7-Zip and libarchive write it: how long it is when
 * it is unpacked. */
static uint64_t scan_encoded(scanner *scan, bool *is_encrypted)
{
    expect(scan, PART_PACK_INFO);
    scan_number(scan); /* where the stream is */
    expect(scan, 1);
    expect(scan, PART_SIZE);
    scan_number(scan);
    expect(scan, PART_END);
    expect(scan, PART_UNPACK_INFO);
    expect(scan, PART_FOLDER);
    expect(scan, 1);
    expect(scan, 0); /* it follows here */
    uint64_t num_coders = scan_number(scan);
    *is_encrypted = scan_coder(scan);
    scan->is_good = scan->is_good && num_coders == 1;
    expect(scan, PART_UNPACK_SIZE);
    return scan_number(scan);
}

static lyrnn_status refuse_encrypted(const char *name)
{
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: is encrypted; unpack it with its password, and name the folder", name);
}

static lyrnn_status refuse_cut_off(const char *name)
{
    return lyrnn_fail(LYRNN_ERR_CORPUS,
                      "%s: is damaged, cut off, or no 7z archive; copy it again, or unpack it and "
                      "name the folder",
                      name);
}

lyrnn_status seven_zip_check(const char *name, const lyrnn_bytes *bytes)
{
    if (bytes->num < SIGNATURE_BYTES)
        return refuse_cut_off(name);
    uint64_t num_left = bytes->num - SIGNATURE_BYTES, offset = read_le(bytes->data + 12, 8);
    uint64_t num_bytes = read_le(bytes->data + 20, 8);
    if (offset > num_left || num_bytes > num_left - offset)
        return refuse_cut_off(name);
    if (num_bytes == 0)
        return LYRNN_OK; /* it has no files */
    const unsigned char *list = (const unsigned char *)bytes->data + SIGNATURE_BYTES + offset;
    if (*list == PART_ENCODED_HEADER) {
        bool is_encrypted;
        scanner scan = {list + 1, list + num_bytes, true};
        num_bytes = scan_encoded(&scan, &is_encrypted);
        if (is_encrypted)
            return refuse_encrypted(name);
        if (!scan.is_good)
            return lyrnn_fail(LYRNN_ERR_CORPUS,
                              "%s: is damaged, or its list of files is compressed in an unusual "
                              "way; unpack it and name the folder",
                              name);
    }
    if (num_bytes > MOST_BYTES)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "%s: its list of files has %llu bytes, more than the maximum of %d; "
                          "unpack it and name the folder",
                          name, (unsigned long long)num_bytes, MOST_BYTES);
    return lyrnn_require_memory(name, (size_t)num_bytes * 8 * BYTES_PER_BIT,
                                "unpack it and name the folder");
}
