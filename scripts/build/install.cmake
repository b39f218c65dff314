# What `cmake --install` puts down, and how other projects find it there: lyrnn.pc for pkg-config and
# lyrnnConfig.cmake for find_package(lyrnn), which gives the target lyrnn::lyrnn. Both find the prefix
# from where they lie, so that it can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# A static library needs the OpenMP runtime that it was compiled for, whichever one its user's compiler
# prefers.
list(GET OpenMP_C_LIB_NAMES 0 openmp_name)
get_filename_component(openmp_directory ${OpenMP_${openmp_name}_LIBRARY} DIRECTORY)
set(lyrnn_link_flags -L${openmp_directory} ${OpenMP_C_LIB_NAMES})
list(TRANSFORM lyrnn_link_flags PREPEND -l REGEX "^[^-]")
target_link_libraries(lyrnn PRIVATE $<INSTALL_INTERFACE:${lyrnn_link_flags}>)

# The CUDA backend's module, which whoever links the library loads along its own run path.
set(module_directory ${CMAKE_INSTALL_LIBDIR}/lyrnn)
target_link_options(lyrnn INTERFACE
  $<INSTALL_INTERFACE:LINKER:-rpath,$<INSTALL_PREFIX>/${module_directory}>)
if(LYRNN_CUDA)
  install(TARGETS lyrnn_cuda DESTINATION ${module_directory})
endif()

# There is no shared library, so all that it needs stands under Libs and Requires: both ways of asking,
# with --static and without, must link.
list(JOIN lyrnn_link_flags " " pc_libs)
string(APPEND pc_libs " -lm -ldl")
set(pkgconfig_directory ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_prefix /prefix/${pkgconfig_directory} /prefix)
configure_file(scripts/build/lyrnn.pc.in lyrnn.pc @ONLY)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/lyrnn)
configure_package_config_file(scripts/build/lyrnnConfig.cmake.in lyrnnConfig.cmake
                              INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(lyrnnConfigVersion.cmake COMPATIBILITY SameMinorVersion)

# The program goes on finding its libraries where the build found them, the OpenMP flavour of OpenBLAS
# among them; the module moves with the prefix.
file(RELATIVE_PATH module_from_program /prefix/${CMAKE_INSTALL_BINDIR} /prefix/${module_directory})
set_target_properties(lyrnn_program PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON
                                               INSTALL_RPATH $ORIGIN/${module_from_program})
install(TARGETS lyrnn_program)
install(TARGETS lyrnn EXPORT lyrnn INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/lyrnn TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_BINARY_DIR}/lyrnn.pc DESTINATION ${pkgconfig_directory})
install(FILES ${CMAKE_BINARY_DIR}/lyrnnConfig.cmake ${CMAKE_BINARY_DIR}/lyrnnConfigVersion.cmake
        DESTINATION ${package_directory})
install(EXPORT lyrnn FILE lyrnnTargets.cmake NAMESPACE lyrnn:: DESTINATION ${package_directory})
