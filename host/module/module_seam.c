/* Reads the version of a module from its ELF file without loading it: see module.h. The file
 * may be anything, so each size is checked before it is used. */
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "module/module.h"

static bool read_at(int fd, uint64_t offset, void *memory, size_t size)
{
    return pread(fd, memory, size, (off_t)offset) == (ssize_t)size;
}

/* Looks for lyrnn's note in a segment of notes. There may be others in it, such as the build ID. */
static bool find_note(int fd, const Elf64_Phdr *segment, lyrnn_seam_note *found)
{
    uint64_t at = segment->p_offset, end = at + segment->p_filesz;
    Elf64_Nhdr note;
    while (at + sizeof note <= end && read_at(fd, at, &note, sizeof note)) {
        if (note.n_namesz == sizeof LYRNN_SEAM_OWNER && note.n_descsz == sizeof found->seam &&
            read_at(fd, at, found, sizeof *found) &&
            memcmp(found->owner, LYRNN_SEAM_OWNER, sizeof LYRNN_SEAM_OWNER) == 0)
            return true;
        const uint64_t alignment = 4;
        at += sizeof note + (note.n_namesz + alignment - 1) / alignment * alignment +
              (note.n_descsz + alignment - 1) / alignment * alignment;
    }
    return false;
}

static bool find_in_file(int fd, lyrnn_seam_note *found)
{
    Elf64_Ehdr header;
    if (!read_at(fd, 0, &header, sizeof header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr))
        return false;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        if (!read_at(fd, header.e_phoff + i * sizeof segment, &segment, sizeof segment))
            return false;
        if (segment.p_type == PT_NOTE && segment.p_filesz <= 4096 && find_note(fd, &segment, found))
            return true;
    }
    return false;
}

void lyrnn_module_seam(const char *path, char *seam, size_t size)
{
    lyrnn_seam_note note;
    struct stat info;
    /* O_NONBLOCK: do not wait for the other end of a pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool found =
        fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && find_in_file(fd, &note);
    if (fd >= 0)
        close(fd);
    snprintf(seam, size, "%.*s", (int)sizeof note.seam, found ? note.seam : "unknown");
}
