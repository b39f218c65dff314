# What `cmake --install` installs, and how other projects find it: lyrnn.pc for pkg-config, and
# lyrnnConfig.cmake for find_package(lyrnn), which defines the target lyrnn::lyrnn. Both use paths
# relative to themselves, so that an installed lyrnn can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The static library needs the OpenMP runtime that it was compiled for, even if the user's compiler
# prefers another one.
list(GET OpenMP_C_LIB_NAMES 0 openmp_name)
get_filename_component(openmp_directory ${OpenMP_${openmp_name}_LIBRARY} DIRECTORY)
set(lyrnn_link_flags -L${openmp_directory} ${OpenMP_C_LIB_NAMES})
list(TRANSFORM lyrnn_link_flags PREPEND -l REGEX "^[^-]")
target_link_libraries(lyrnn PRIVATE $<INSTALL_INTERFACE:${lyrnn_link_flags}>)

# The modules. A program that links the library finds them through its own run path.
set(module_directory ${CMAKE_INSTALL_LIBDIR}/lyrnn)
target_link_options(lyrnn INTERFACE
  $<INSTALL_INTERFACE:LINKER:-rpath,$<INSTALL_PREFIX>/${module_directory}>)
foreach(module lyrnn_cuda lyrnn_mpi)
  if(TARGET ${module})
    install(TARGETS ${module} DESTINATION ${module_directory})
  endif()
endforeach()

# lyrnn is a static library only. Libs and Requires list everything that it needs, so that a program
# links with and without pkg-config's --static.
list(JOIN lyrnn_link_flags " " pc_libs)
string(APPEND pc_libs " -lm -ldl")
# Requires would also ask for what optional libraries are linked to, when they are static.
foreach(optional ${lyrnn_optional})
  list(JOIN ${optional}_LDFLAGS " " flags)
  string(APPEND pc_libs " ${flags}")
endforeach()
set(pkgconfig_directory ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_prefix /prefix/${pkgconfig_directory} /prefix)
configure_file(scripts/build/lyrnn.pc.in lyrnn.pc @ONLY)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/lyrnn)
configure_package_config_file(scripts/build/lyrnnConfig.cmake.in lyrnnConfig.cmake
                              INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(lyrnnConfigVersion.cmake COMPATIBILITY SameMinorVersion)

# The installed program finds its libraries, such as OpenBLAS with OpenMP, where the build found
# them. It finds the modules relative to itself.
file(RELATIVE_PATH module_from_program /prefix/${CMAKE_INSTALL_BINDIR} /prefix/${module_directory})
lyrnn_add_program(lyrnn_installed_program lyrnn)
set_target_properties(lyrnn_installed_program PROPERTIES
                      OUTPUT_NAME lyrnn
                      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/installed/${CMAKE_INSTALL_BINDIR}
                      BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH_USE_LINK_PATH ON
                      INSTALL_RPATH $ORIGIN/${module_from_program})
add_dependencies(lyrnn_program lyrnn_installed_program)
install(TARGETS lyrnn_installed_program)
install(TARGETS lyrnn EXPORT lyrnn INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/lyrnn TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_BINARY_DIR}/lyrnn.pc DESTINATION ${pkgconfig_directory})
install(FILES ${CMAKE_BINARY_DIR}/lyrnnConfig.cmake ${CMAKE_BINARY_DIR}/lyrnnConfigVersion.cmake
        DESTINATION ${package_directory})
install(EXPORT lyrnn FILE lyrnnTargets.cmake NAMESPACE lyrnn:: DESTINATION ${package_directory})
