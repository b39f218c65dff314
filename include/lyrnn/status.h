/* How lyrnn reports what went wrong.
 *
 * Three kinds of error, three ways out. What the user or the environment did wrong comes back as a
 * lyrnn_status, with one line of text set where it was found. What the programmer did wrong stops the
 * program at LYRNN_CHECK, in release builds too. A device fault aborts inside its backend. */
#ifndef LYRNN_STATUS_H
#define LYRNN_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    LYRNN_OK = 0,
    LYRNN_ERR_USAGE,        /* an argument outside its range, or arguments that contradict */
    LYRNN_ERR_IO,           /* the operating system refused: no such file, no space, no right */
    LYRNN_ERR_CORPUS,       /* text that cannot be a corpus: not UTF-8, empty, one character */
    LYRNN_ERR_CORPUS_SHORT, /* fewer characters than one batch takes */
    LYRNN_ERR_UNKNOWN_CHAR, /* a character outside the vocabulary */
    LYRNN_ERR_MODEL_FILE,   /* a model file that breaks a rule of its format */
    LYRNN_ERR_MEMORY,       /* host or device memory does not suffice */
    LYRNN_ERR_DIVERGED,     /* the loss became NaN or infinite */
    LYRNN_ERR_UNSUPPORTED,  /* a device or a model shape that this build does not have */
    LYRNN_INTERRUPTED       /* no error: asked to stop, it did, and nothing is lost */
} lyrnn_status;

#if defined(__GNUC__)
#define LYRNN_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#define LYRNN_NORETURN                    __attribute__((noreturn))
#else
#define LYRNN_PRINTF(format_index, first)
#define LYRNN_NORETURN
#endif

/* Sets the calling thread's error text and returns status, so that a failure is one statement:
 *     return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
 * The text is one line, "OBJECT: what is wrong; what to do", without the program's name. */
lyrnn_status lyrnn_fail(lyrnn_status status, const char *format, ...) LYRNN_PRINTF(2, 3);
#if defined(__clang_analyzer__)
/* Clang's analyzer does not see the function's body. This shows it that a failure is never LYRNN_OK. */
#define lyrnn_fail(status, ...) (lyrnn_fail(status, __VA_ARGS__), (status))
#endif

/* The text of the calling thread's last failure; "" before any. Valid until its next lyrnn_fail. */
const char *lyrnn_error_text(void);

/* Returns from the enclosing function when call fails. For functions that own nothing yet. */
#define LYRNN_TRY(call)                                                                            \
    do {                                                                                           \
        lyrnn_status lyrnn_try_status = (call);                                                    \
        if (lyrnn_try_status != LYRNN_OK)                                                          \
            return lyrnn_try_status;                                                               \
    } while (0)

/* Aborts, naming the place, when a condition that the code itself guarantees does not hold. */
#define LYRNN_CHECK(condition)                                                                     \
    ((condition) ? (void)0 : lyrnn_check_failed(#condition, __FILE__, __LINE__))
LYRNN_NORETURN void lyrnn_check_failed(const char *condition, const char *file, int line);

#ifdef __cplusplus
}
#endif
#endif
