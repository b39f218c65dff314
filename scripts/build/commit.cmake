# cmake -DSOURCE=DIR -DOUTPUT=FILE.h -P commit.cmake: writes the current commit of DIR into FILE.h
# as the C macro LYRNN_COMMIT. If the commit has not changed, FILE.h keeps its time stamp, so that
# nothing is rebuilt.
set(commit unknown)
if(EXISTS ${SOURCE}/.git)
  execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --tags
                  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE
                  RESULT_VARIABLE failed ERROR_QUIET)
  if(failed EQUAL 0 AND described)
    set(commit ${described})
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define LYRNN_COMMIT \"${commit}\"\n")
