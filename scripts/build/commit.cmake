# cmake -DSOURCE=DIR -DOUTPUT=FILE.h -P commit.cmake: the commit that DIR is at, as a C macro. An unchanged file is
# left as it is, so that nothing is built again.
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
