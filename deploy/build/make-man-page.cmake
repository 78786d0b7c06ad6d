# make-man-page.cmake -- cmake -DTEMPLATE= -DOUT= -DPLACEHOLDER= -DPROGRAM= -DARGUMENT= -P: see man.cmake.

execute_process(COMMAND ${PROGRAM} ${ARGUMENT} OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
string(STRIP "${printed}" printed)
file(READ ${TEMPLATE} page)
string(REPLACE "@${PLACEHOLDER}@" "${printed}" page "${page}")
file(WRITE ${OUT} "${page}")
