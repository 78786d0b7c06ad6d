# man.cmake -- man pages from deploy/man/*.in.  @COMMANDS@ and @KEYS@ are what the program itself prints, so that a page
# cannot tell another story than the table the program obeys.

set(man_pages)
# page: file name of the template without .in.  program, argument: who prints the list.
function(add_man_page page placeholder program argument)
    if(NOT TARGET ${program})
        return()
    endif()
    set(out ${PROJECT_BINARY_DIR}/man/${page})
    add_custom_command(OUTPUT ${out}
        COMMAND ${CMAKE_COMMAND} -DTEMPLATE=${PROJECT_SOURCE_DIR}/deploy/man/${page}.in -DOUT=${out}
                -DPLACEHOLDER=${placeholder} -DPROGRAM=$<TARGET_FILE:${program}> -DARGUMENT=${argument}
                -P ${PROJECT_SOURCE_DIR}/deploy/build/make-man-page.cmake
        DEPENDS ${program} ${PROJECT_SOURCE_DIR}/deploy/man/${page}.in
                ${PROJECT_SOURCE_DIR}/deploy/build/make-man-page.cmake VERBATIM)
    string(REGEX MATCH "[0-9]$" section ${page})
    install(FILES ${out} DESTINATION share/man/man${section})
    set(man_pages ${man_pages} ${out} PARENT_SCOPE)
endfunction()

add_man_page(koffer.1 COMMANDS koffer man)
add_man_page(koffer-controller.8 NONE koffer-controller --version)
add_man_page(koffer-recover.8 NONE koffer-recover --version)
add_man_page(koffer-agent.8 NONE koffer-agent --version)
add_man_page(koffer-priv.8 NONE koffer-priv --version)
add_man_page(koffer-controller.conf.5 KEYS koffer-controller --print-man)
add_man_page(koffer-agent.conf.5 KEYS koffer-agent --print-man)
add_custom_target(man ALL DEPENDS ${man_pages})
install(FILES ${PROJECT_SOURCE_DIR}/deploy/completion/koffer DESTINATION share/bash-completion/completions)
