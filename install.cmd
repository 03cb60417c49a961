@echo off
rem Double-click to install Dioptre: finds a Python, or lets uv bring one into Dioptre's data folder, if this is a
rem release, which carries uv. install.py does the rest and takes the arguments.
setlocal
set "here=%~dp0"
set "clicked="
echo "%cmdcmdline%" | find /i "%~nx0" >nul
if not errorlevel 1 set "clicked=yes"
set "python="
for %%P in ("py -3" python python3) do if not defined python call :probe %%~P
if not defined python goto bring
%python% "%here%install.py" %*
set "status=%errorlevel%"
goto end

:probe
%* -c "import sys; sys.exit(sys.version_info < (3, 10))" >nul 2>nul
if not errorlevel 1 set "python=%*"
exit /b

:bring
if not exist "%here%uv\uv.exe" goto missing
set "data=%LOCALAPPDATA%\Dioptre\data"
if defined DIOPTRE_HOME set "data=%DIOPTRE_HOME%\data"
if defined DIOPTRE_DATA_DIR set "data=%DIOPTRE_DATA_DIR%"
set "UV_PYTHON_INSTALL_DIR=%data%\python"
if exist "%here%uv\python" set "UV_PYTHON_CACHE_DIR=%here%uv\python"
set "DIOPTRE_LAUNCHER=%here%install.cmd"
set /p version=<"%here%uv\version"
"%here%uv\uv.exe" run --no-project --no-config --no-cache --managed-python --python %version% "%here%install.py" %*
set "status=%errorlevel%"
rem A running Python cannot delete itself.
if not "%~1"=="--uninstall" goto end
if not "%status%"=="0" goto end
rmdir /s /q "%data%\python"
rmdir "%data%" 2>nul
for %%D in ("%data%\..") do rmdir "%%~fD" 2>nul
goto end

:missing
echo Error: No Python was found.
echo Hint: Download Dioptre's release for Windows, which needs no Python,
echo       or install Python 3.13, 64-bit: https://www.python.org/downloads/windows/
echo       Then start install.cmd again.
set "status=1"

:end
if defined clicked pause
exit /b %status%
