/* How lyrnn reports errors.
 *
 * There are three kinds. An error of the user or of the environment returns a lyrnn_status, and the
 * function that finds it sets one line of text. An error of the programmer aborts the program at
 * LYRNN_CHECK, in release builds as well. A fault of the device aborts inside the backend. */
#ifndef LYRNN_STATUS_H
#define LYRNN_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    LYRNN_OK = 0,
    LYRNN_ERR_USAGE,  /* an argument outside its range, or arguments that contradict */
    LYRNN_ERR_IO,     /* the operating system refused: no such file, no space, no permission */
    LYRNN_ERR_CORPUS, /* not a corpus: not UTF-8, empty, or only one distinct character */
    LYRNN_ERR_CORPUS_SHORT, /* fewer characters than one batch needs */
    LYRNN_ERR_UNKNOWN_CHAR, /* a character that the vocabulary lacks */
    LYRNN_ERR_MODEL_FILE,   /* a model file that breaks a rule of its format */
    LYRNN_ERR_MEMORY,       /* not enough memory on the host or the device */
    LYRNN_ERR_DIVERGED,     /* the loss became NaN or infinite */
    LYRNN_ERR_UNSUPPORTED,  /* a device, a model shape or data that this build lacks */
    LYRNN_ERR_NOTHING,      /* there is no run to resume, or it has no checkpoint */
    LYRNN_ERR_LOCKED,       /* another process trains in the run */
    LYRNN_ERR_DAMAGED,      /* a file that lyrnn wrote has changed since: a checksum differs */
    LYRNN_ERR_RANK,         /* another rank of a training has failed or is gone */
    LYRNN_INTERRUPTED       /* not an error: it stopped on request, and nothing is lost */
} lyrnn_status;

#if defined(__GNUC__)
#define LYRNN_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#define LYRNN_NORETURN                    __attribute__((noreturn))
#else
#define LYRNN_PRINTF(format_index, first)
#define LYRNN_NORETURN
#endif

/* Sets the error text of the calling thread and returns status, so that a failure is one statement:
 *     return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
 * The text is one line, "OBJECT: what is wrong; what to do", without the name of the program.
 * Controls, bidirectional ones too, and bytes that are not UTF-8 become '?'. A text that is too
 * long loses its middle. */
lyrnn_status lyrnn_fail(lyrnn_status status, const char *format, ...) LYRNN_PRINTF(2, 3);
#if defined(__clang_analyzer__)
/* Clang's analyzer does not see the function's body. This shows it that a failure is never
 * LYRNN_OK. */
#define lyrnn_fail(status, ...) (lyrnn_fail(status, __VA_ARGS__), (status))
#endif

/* Returns the text of the last failure in the calling thread, or "" if there was none. It is valid
 * until the thread calls lyrnn_fail again. */
const char *lyrnn_error_text(void);

/* Returns from the enclosing function if call fails. It is for functions that own nothing: their
 * caller frees what they made. */
#define LYRNN_TRY(call)                                                                            \
    do {                                                                                           \
        lyrnn_status lyrnn_try_status = (call);                                                    \
        if (lyrnn_try_status != LYRNN_OK)                                                          \
            return lyrnn_try_status;                                                               \
    } while (0)

/* Aborts and names the place if a condition is false that the code itself guarantees. */
#define LYRNN_CHECK(condition)                                                                     \
    ((condition) ? (void)0 : lyrnn_check_failed(#condition, __FILE__, __LINE__))
LYRNN_NORETURN void lyrnn_check_failed(const char *condition, const char *file, int line);

#ifdef __cplusplus
}
#endif
#endif
